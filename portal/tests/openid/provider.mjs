// A certified OpenID provider (panva's oidc-provider) for the tests of sign-in: one client, accounts by whatever name is typed. Whose
// name begins with "unverified" has an address that it does not vouch for. Says its issuer on the first line.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import Provider from "oidc-provider";

const [pem, redirectUri] = process.argv.slice(2);
const both = readFileSync(pem);
const server = createServer({ key: both, cert: both });
server.listen(0, "127.0.0.1", () => {
  const issuer = `https://localhost:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: "ebb-client", client_secret: "s3cret/with:signs", redirect_uris: [redirectUri] }],
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    pkce: { required: () => true, methods: ["S256"] },
    cookies: { keys: ["only for a test"] },
    features: { devInteractions: { enabled: true } },
    findAccount: (context, id) => ({
      accountId: id,
      claims: () => ({ sub: `id of ${id}`, email: id, email_verified: !id.startsWith("unverified") }),
    }),
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
