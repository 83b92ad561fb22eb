"use client";

import Link from "next/link";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { authClient } from "@/lib/auth-client";

/** Signs up a new user, or signs in one who has an account. */
export function AccountForm({ isNew = false }) {
  const router = useRouter();
  const [problem, setProblem] = useState("");
  const title = isNew ? "Sign up" : "Sign in";

  async function submit(form: FormData) {
    const text = (field: string) => String(form.get(field) ?? "");
    const credentials = { email: text("email"), password: text("password") };
    const { error } = isNew
      ? await authClient.signUp.email({ ...credentials, name: text("name") })
      : await authClient.signIn.email(credentials);
    if (error) return setProblem(error.message ?? "There is no connection. Please try again.");
    router.replace("/");
  }

  return (
    <main className="account">
      <h1>{title}</h1>
      {/* `onSubmit` instead of `action`, which would empty the fields after a failure. */}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(new FormData(event.currentTarget));
        }}
      >
        {isNew && (
          <label>
            Name
            <input name="name" autoComplete="name" required />
          </label>
        )}
        <label>
          Email
          <input name="email" type="email" autoComplete="username" required />
        </label>
        <label>
          Password
          <input
            name="password"
            type="password"
            autoComplete={isNew ? "new-password" : "current-password"}
            minLength={8}
            required
          />
        </label>
        <p role="alert">{problem}</p>
        <button className="primary">{title}</button>
      </form>
      <p>
        {isNew ? "You have an account? " : "You have no account yet? "}
        <Link href={isNew ? "/sign-in" : "/sign-up"}>{isNew ? "Sign in" : "Sign up"}</Link>
      </p>
    </main>
  );
}
