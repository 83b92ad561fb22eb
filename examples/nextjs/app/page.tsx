import { headers } from "next/headers";
import { redirect } from "next/navigation";
import { TaskPage } from "@/components/task-page";
import { auth } from "@/lib/auth";
import { required } from "@/lib/settings";

/** The tasks of the user who is signed in. */
export default async function Page() {
  const requestHeaders = await headers();
  const session = await auth().api.getSession({ headers: requestHeaders });
  if (!session) redirect("/sign-in");
  const { id, name } = session.user;
  // With the user as the key, nothing on the page outlives a change of the user.
  return <TaskPage key={id} user={{ id, name }} apiUrl={required("API_URL")} />;
}
