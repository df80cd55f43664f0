// NextAuth (Auth.js): its core is the same in Next.js, SvelteKit and Express.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Auth } from "@auth/core";
import { authorize, issuer, mock } from "./mock.mjs";

beforeEach(() => mock("POST", "reset"));

const base = "http://localhost:3000/auth";
const config = {
  basePath: "/auth", trustHost: true, secret: "of the test",
  // An issuer and no more: discovery, PKCE and state are its defaults.
  providers: [{ id: "mock", name: "Mock", type: "oidc", issuer, clientId: "authjs", clientSecret: "s3cret",
    checks: ["pkce", "state", "nonce"] }],
};

test("Auth.js: a person signs in", async () => {
  await mock("PUT", "clients/authjs", { secret: "s3cret", redirect_uris: [base + "/callback/mock"] });
  const jar = {};
  const call = async (to, init = {}) => {
    const cookie = Object.entries(jar).map(([k, v]) => `${k}=${v}`).join("; ");
    const answer = await Auth(new Request(to, { ...init, headers: { ...init.headers, cookie } }), config);
    for (const line of answer.headers.getSetCookie()) {
      const [name, value] = line.split(";")[0].split(/=(.*)/s);
      jar[name] = value;
    }
    return answer;
  };
  const { csrfToken } = await (await call(base + "/csrf")).json();
  const start = await call(base + "/signin/mock", { method: "POST", body: new URLSearchParams({ csrfToken }) });
  const atTheIdP = start.headers.get("location");
  assert.ok(atTheIdP.startsWith(issuer), atTheIdP);
  await call(await authorize("ada", atTheIdP));
  assert.equal((await (await call(base + "/session")).json()).user.name, "ada");
});
