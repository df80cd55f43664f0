// What the tests ask of idp-mock.
export const issuer = process.env.ISSUER ?? "http://localhost:9000";

export async function mock(method, path, body) {
  const answer = await fetch(`${issuer}/_mock/${path}`, { method, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? null : answer.json();
}

// authorize does what a browser does with the authorization request, and returns the callback.
export async function authorize(user, url) {
  return new URL((await mock("POST", "authorize", { user, url: String(url) })).callback);
}
