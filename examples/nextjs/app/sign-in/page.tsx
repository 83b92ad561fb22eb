import type { Metadata } from "next";
import { AccountForm } from "@/components/account-form";

export const metadata: Metadata = { title: "Sign in" };

export default function Page() {
  return <AccountForm />;
}
