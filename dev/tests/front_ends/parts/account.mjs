// The part that all front ends have: who is signed in, and a form to sign up or in, with Better Auth's own client.

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";

/** Shows `Page` to a user who is signed in, and the form to everybody else. */
export function Account({ auth, Page }) {
  // Undefined until it is known.
  const [user, setUser] = useState();
  useEffect(() => {
    auth.getSession().then(({ data }) => setUser(data?.user ?? null));
  }, []);
  if (user === undefined) return null;
  if (!user) return html`<${SignIn} auth=${auth} onUser=${setUser} />`;
  const signOut = async () => {
    await auth.signOut();
    localStorage.clear();
    sessionStorage.clear();
    setUser(null);
  };
  return html`
    <${Page} user=${user} />
    <footer><button onClick=${signOut}>Sign out</button></footer>
  `;
}

function SignIn({ auth, onUser }) {
  const [problem, setProblem] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    const { name, email, password } = Object.fromEntries(new FormData(event.target));
    const isNew = event.submitter.value === "sign-up";
    const { data, error } = isNew
      ? await auth.signUp.email({ name, email, password })
      : await auth.signIn.email({ email, password });
    return error ? setProblem(error.message) : onUser(data.user);
  };
  return html`
    <h1>Tasks</h1>
    ${problem && html`<p class="toast" role="alert">${problem}</p>`}
    <form aria-label="Account" onSubmit=${submit}>
      <h2>Your account</h2>
      <label class="wide">Name<input name="name" autocomplete="name" /></label>
      <label>Email<input name="email" type="email" autocomplete="email" required /></label>
      <label>Password<input name="password" type="password" autocomplete="current-password" required /></label>
      <button type="submit" value="sign-up">Sign up</button>
      <button type="submit" value="sign-in">Sign in</button>
    </form>
  `;
}
