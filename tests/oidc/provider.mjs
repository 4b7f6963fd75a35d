// The identity provider that the end-to-end tests log in at: the certified package `oidc-provider`, on loopback.
//
//   node provider.mjs FOLDER PORT CONFIG
//
// FOLDER is where `npm ci` put the package; CONFIG a JSON file: {"client": {"id", "secret", "redirect_uri"}, "accounts": {subject: claims}}.
// Whoever types a subject into the log-in form is that account. The file is read at each log-in, so tests can change accounts.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

// Its notices; stdout is for the one line that the test waits for.
console.info = console.error;

const [folder, port, file] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(`${folder}/node_modules/oidc-provider/lib/index.js`));
const config = () => JSON.parse(readFileSync(file, 'utf8'));
const { client, id_token_claims: inToken } = config();

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: client.id,
    client_secret: client.secret,
    redirect_uris: [client.redirect_uri],
    response_types: ['code'],
    grant_types: ['authorization_code'],
  }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  // Core §5.4: with an access token at hand the claims are at the userinfo endpoint, unless a provider is more generous.
  conformIdTokenClaims: !inToken,
  pkce: { required: () => true },
  async findAccount(_, subject) {
    const claims = config().accounts[subject];
    return claims && { accountId: subject, claims: async () => ({ sub: subject, ...claims }) };
  },
});
provider.on('server_error', (_, error) => console.error(error));
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
// Its life is that of the test: stdin closes when the test is gone.
process.stdin.on('end', () => process.exit(0)).resume();
