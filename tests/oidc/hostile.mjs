// An identity provider that lies as it is told: what a client must not believe, made with node's own cryptography.
//
//   node hostile.mjs FOLDER PORT CONFIG
//
// CONFIG is a JSON file, read at each request: {"client": {"id", "secret"}, "alg", "signer", "generation", "claims", "header", "tamper",
// "answer", "discovery", "userinfo"}. Nobody is asked for a password; PKCE is checked, to see that the client takes part in it.
import { createHash, createHmac, generateKeyPairSync, randomBytes, sign as signWith, constants } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [, port, file] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const config = () => JSON.parse(readFileSync(file, 'utf8'));
const codes = new Map();
const seen = {};

const pairs = new Map();
/** The keys of a generation: the published ones, and those of somebody else, with the same key ids. */
function keys(generation, whose = 'own') {
  const name = `${whose} ${generation}`;
  if (!pairs.has(name)) {
    pairs.set(name, {
      RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
      ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
      EdDSA: generateKeyPairSync('ed25519'),
    });
  }
  return pairs.get(name);
}

const published = (generation) => Object.entries(keys(generation)).map(([alg, { publicKey }]) => ({
  ...publicKey.export({ format: 'jwk' }), kid: `${alg}-${generation}`, alg, use: 'sig',
}));

const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

function signature(text, { alg = 'ES256', signer = 'own', generation = 0, client }) {
  const pair = keys(generation, signer)[alg === 'PS256' ? 'RS256' : alg];
  switch (alg) {
    case 'none': return '';
    // The public key as a shared secret: what a client takes that goes by the token's own word on its algorithm.
    case 'HS256': {
      const pem = keys(generation).RS256.publicKey.export({ format: 'pem', type: 'spki' });
      const secret = signer === 'client-secret' ? client.secret : pem;
      return createHmac('sha256', secret).update(text).digest('base64url');
    }
    case 'ES256': return signWith('sha256', text, { key: pair.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url');
    case 'EdDSA': return signWith(null, text, pair.privateKey).toString('base64url');
    case 'PS256': {
      const key = { key: pair.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
      return signWith('sha256', text, key).toString('base64url');
    }
    default: return signWith('sha256', text, pair.privateKey).toString('base64url');
  }
}

function idToken(settings, nonce) {
  const { alg = 'ES256', generation = 0, client, claims = {}, header = {}, tamper } = settings;
  const now = Math.floor(Date.now() / 1000);
  const { iat_in: iatIn = 0, exp_in: expIn = 300, ...others } = claims;
  const said = { iss: issuer, aud: client.id, sub: 'mallory', nonce, iat: now + iatIn, exp: now + expIn, ...others };
  const kid = `${alg === 'PS256' ? 'RS256' : alg}-${generation}`;
  const text = `${encode({ alg, typ: 'JWT', kid, ...header })}.${encode(said)}`;
  const signed = signature(text, settings);
  if (!tamper) return `${text}.${signed}`;
  return `${text.split('.')[0]}.${encode({ ...said, ...tamper })}.${signed}`;
}

const body = async (request) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  return new URLSearchParams(text);
};

createServer(async (request, response) => {
  const url = new URL(request.url, issuer);
  const settings = config();
  seen[url.pathname] = (seen[url.pathname] ?? 0) + 1;
  const json = (value, status = 200) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
  switch (url.pathname) {
    case '/.well-known/openid-configuration':
      return json({
        issuer,
        authorization_endpoint: `${issuer}/auth`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
        ...(settings.userinfo && { userinfo_endpoint: `${issuer}/userinfo` }),
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256', 'ES256', 'EdDSA', 'PS256', 'HS256', 'none'],
        ...settings.discovery,
      });
    case '/jwks': return json({ keys: published(settings.published ?? settings.generation ?? 0) });
    case '/auth': {
      const code = randomBytes(16).toString('hex');
      const asked = url.searchParams;
      codes.set(code, { nonce: asked.get('nonce'), challenge: asked.get('code_challenge'), method: asked.get('code_challenge_method') });
      const answer = { code, state: asked.get('state'), ...settings.answer };
      const back = new URL(asked.get('redirect_uri'));
      for (const [name, value] of Object.entries(answer)) if (value !== null) back.searchParams.set(name, value);
      return response.writeHead(302, { location: back.href }).end();
    }
    case '/token': {
      const asked = await body(request);
      const code = codes.get(asked.get('code'));
      codes.delete(asked.get('code'));
      const proof = createHash('sha256').update(asked.get('code_verifier') ?? '').digest('base64url');
      // RFC 6749 §2.3.1: both are form-encoded before they are joined.
      const [, basic = ''] = (request.headers.authorization ?? '').split(' ');
      const shown = Buffer.from(basic, 'base64').toString().split(':').map((part) => new URLSearchParams(`x=${part}`).get('x'));
      const known = shown[0] === settings.client.id && shown[1] === settings.client.secret;
      if (!code || code.method !== 'S256' || code.challenge !== proof || !known) {
        return json({ error: 'invalid_grant' }, 400);
      }
      if (settings.token_redirect) return response.writeHead(307, { location: settings.token_redirect }).end();
      if (settings.token_bytes) {
        return response.writeHead(200, { 'content-type': 'application/json' }).end('x'.repeat(settings.token_bytes));
      }
      return json({ access_token: 'at', token_type: 'Bearer', expires_in: 60, id_token: idToken(settings, code.nonce) });
    }
    case '/userinfo': return json(settings.userinfo);
    case '/seen': return json(seen);
    default: return response.writeHead(404).end();
  }
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
process.stdin.on('end', () => process.exit(0)).resume();
