// go run ./idp-mock -client node,s3cret,http://localhost:3000,/callback
// ISSUER=http://localhost:9000 node --test
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { createRemoteJWKSet, jwtVerify } from "jose";
import * as oidc from "openid-client";
import { authorize, issuer, mock } from "./mock.mjs";

const redirect_uri = "http://localhost:3000/callback";
const discover = () =>
  oidc.discovery(new URL(issuer), "node", "s3cret", undefined, { execute: [oidc.allowInsecureRequests] }); // http

beforeEach(() => mock("POST", "reset"));

async function signIn(config, user) {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const expectedState = oidc.randomState(), expectedNonce = oidc.randomNonce();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri, scope: "openid profile email offline_access", state: expectedState, nonce: expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: "S256",
  });
  return oidc.authorizationCodeGrant(config, await authorize(user, url), { pkceCodeVerifier, expectedState, expectedNonce });
}

test("a person signs in", async () => {
  const config = await discover();
  const tokens = await signIn(config, "ada");
  assert.equal(tokens.claims().sub, "ada");
  assert.equal((await oidc.fetchUserInfo(config, tokens.access_token, "ada")).name, "ada");
});

test("the session runs out", async () => {
  const config = await discover();
  const tokens = await oidc.refreshTokenGrant(config, (await signIn(config, "ada")).refresh_token);
  const [session] = await mock("GET", "sessions");
  await mock("POST", `sessions/${session.sid}/expire`);
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: "invalid_grant" });
});

test("an ID token that must not be believed", async () => {
  await mock("POST", "faults", { endpoint: "token/code", id_token: "invalid-aud" });
  await assert.rejects(signIn(await discover(), "ada"));
});

test("client_credentials and token exchange", async () => {
  const config = await discover();
  assert.equal((await oidc.clientCredentialsGrant(config, { scope: "jobs" })).scope, "jobs");
  const tokens = await signIn(config, "ada");
  const other = await oidc.genericGrantRequest(config, "urn:ietf:params:oauth:grant-type:token-exchange", {
    subject_token: tokens.access_token, subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
    audience: "https://pay.example",
  });
  const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
  const { payload } = await jwtVerify(other.access_token, keys, { issuer, audience: "https://pay.example" });
  assert.equal(payload.sub, "ada");
});
