// oidc-provider, set up for tests. The configuration comes as one line of JSON on
// standard input; the issuer goes to standard output. It ends with its input.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

// Node.js 20, which Debian has, lacks nothing else that oidc-provider needs.
URL.parse ??= (url, base) => (URL.canParse(url, base) ? new URL(url, base) : null);

const lines = process.stdin[Symbol.asyncIterator]();
const { value } = await lines.next();
const { clients, wide, ttl, access_tokens: accessTokens, keys, port } = JSON.parse(value);
process.stdin.on('end', () => process.exit(0));
(async () => { for await (const _ of lines); process.exit(0); })();

const server = createServer();
server.listen(port ?? 0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients,
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    pkce: { required: () => true },
    // its own dispatcher refuses loopback addresses, where the tests listen
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    enableHttpPostMethods: wide,
    ...(wide ? { cookies: { long: { sameSite: 'none' } } } : {}),
    rotateRefreshToken: true,
    ...(keys ? { jwks: { keys } } : {}),
    ...(ttl ? { ttl: { ...ttl, AccessToken: (ctx, token, client) => accessTokens?.[client.clientId] ?? ttl.AccessToken ?? 3600 } } : {}),
    issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
    features: {
      devInteractions: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
      dPoP: { enabled: true },
    },
  });
  for (const event of ['server_error', 'backchannel.error']) {
    provider.on(event, (ctx, err) => console.error(event, err));
  }
  server.on('request', provider.callback());
  console.log(issuer);
});
