import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import express from "express";
import openid from "express-openid-connect";
import { authorize, issuer, mock } from "./mock.mjs";

beforeEach(() => mock("POST", "reset"));

test("express-openid-connect: a person signs in", async t => {
  const app = express();
  const server = app.listen(0, "localhost");
  await new Promise(ready => server.once("listening", ready));
  t.after(() => { server.close(); server.closeAllConnections(); });
  const baseURL = `http://localhost:${server.address().port}`;
  await mock("PUT", "clients/express", { secret: "s3cret", redirect_uris: [baseURL + "/callback"], refresh_tokens: true });
  app.use(openid.auth({
    issuerBaseURL: issuer, baseURL, clientID: "express", clientSecret: "s3cret",
    secret: "of the test, at least 32 characters",
    // Its default is the implicit flow, which idp-mock does not have (RFC 9700 §2.1.2).
    authorizationParams: { response_type: "code", scope: "openid profile email" },
  }));
  app.get("/me", (req, res) => res.json(req.oidc.user));

  let jar = {};
  const get = async to => {
    const cookie = Object.entries(jar).map(([k, v]) => `${k}=${v}`).join("; ");
    const answer = await fetch(to, { redirect: "manual", headers: { cookie } });
    for (const line of answer.headers.getSetCookie()) {
      const [name, value] = line.split(";")[0].split(/=(.*)/s);
      jar[name] = value;
    }
    return answer;
  };
  const atTheIdP = (await get(baseURL + "/me")).headers.get("location");
  assert.ok(atTheIdP.startsWith(issuer), atTheIdP);
  const back = await get(await authorize("ada", atTheIdP));
  assert.equal(back.status, 302);
  assert.equal((await (await get(baseURL + "/me")).json()).sub, "ada");
});
