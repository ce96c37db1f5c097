// The OpenID provider of the end-to-end tests: oidc-provider, a certified implementation, with three accounts and no
// consent screen.
//
//   PORT                listens on 127.0.0.1:PORT; the issuer is http://127.0.0.1:PORT
//   GROUPS_IN           "id_token" or "userinfo": the one place where groups and organizations appear
//   PROFILE             "fapi2": the FAPI 2.0 Security Profile for every client, with DPoP nonces; empty: whatever each
//                       client registers
//   SIGNING_KEY         the ES256 key, as a private JWK with kid; empty: a new one
//
// Clients register themselves (RFC 7591). They may set the lifetime of their access tokens: access_token_ttl, in seconds.
// Refresh tokens need the scope offline_access and prompt=consent. They are rotated, and the reuse of one revokes the
// whole grant. With the profile they are bound to a DPoP key instead, and are not rotated.
//
// One client may be configured at the start:
//
//   CLIENT_ID, CLIENT_SECRET
//   REDIRECT_URIS       separated by spaces
//   SIGNED_OUT_URIS     post_logout_redirect_uris, separated by spaces
//   LOGOUT_URI          backchannel_logout_uri: receives a logout token with a sid when the user signs out here
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { interactionPolicy, Provider } from 'oidc-provider';

const { PORT, GROUPS_IN, PROFILE, SIGNING_KEY } = process.env;
const { CLIENT_ID, CLIENT_SECRET, REDIRECT_URIS, SIGNED_OUT_URIS, LOGOUT_URI } = process.env;
if (!['id_token', 'userinfo'].includes(GROUPS_IN)) throw new Error(`GROUPS_IN=${GROUPS_IN}: id_token or userinfo`);
if (PROFILE && PROFILE !== 'fapi2') throw new Error(`PROFILE=${PROFILE}: fapi2 or empty`);
const fapi = PROFILE === 'fapi2';

// acr is the strongest authentication an account offers.
const accounts = {
  alice: { name: 'Alice Adams', groups: ['admin', 'staff', 'audit'], organizations: ['acme'], acr: 'urn:example:mfa' },
  bob: { name: 'Bob Brown', groups: ['staff'], organizations: ['globex'] },
  carol: { name: 'Carol Clark' },
};

// claims returns the claims of an account. use is where they appear, with the same values as GROUPS_IN.
function claims(id, use) {
  const { groups, organizations, acr, ...person } = accounts[id];
  const all = { sub: id, ...person, preferred_username: id, email: `${id}@example.com`, email_verified: true };
  return use === GROUPS_IN ? { ...all, groups, organizations } : all;
}

// The key is exported when it is generated: exporting a KeyObject later can deadlock Node.js 20 if the garbage collector
// inspects the key at the same time.
function signingKey(alg, type, options) {
  const encoding = { format: 'jwk' };
  const encodings = { publicKeyEncoding: encoding, privateKeyEncoding: encoding };
  const { privateKey } = generateKeyPairSync(type, { ...options, ...encodings });
  return { ...privateKey, kid: randomBytes(8).toString('hex'), use: 'sig', alg };
}

const client = {
  client_id: CLIENT_ID,
  client_secret: CLIENT_SECRET,
  redirect_uris: REDIRECT_URIS?.split(' '),
  post_logout_redirect_uris: SIGNED_OUT_URIS?.split(' '),
  backchannel_logout_uri: LOGOUT_URI,
  backchannel_logout_session_required: true,
};

const provider = new Provider(`http://127.0.0.1:${PORT}`, {
  clients: CLIENT_ID ? [client] : [],
  jwks: {
    keys: [
      signingKey('RS256', 'rsa', { modulusLength: 2048 }),
      signingKey('PS256', 'rsa', { modulusLength: 2048 }),
      SIGNING_KEY ? JSON.parse(SIGNING_KEY) : signingKey('ES256', 'ec', { namedCurve: 'P-256' }),
      signingKey('EdDSA', 'ed25519'),
    ],
  },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username', 'groups', 'organizations'],
    email: ['email', 'email_verified'],
  },
  conformIdTokenClaims: GROUPS_IN === 'userinfo', // the strict reading keeps scope claims out of the ID token
  acrValues: ['urn:example:mfa'],
  ...(fapi && { clientAuthMethods: ['private_key_jwt'], responseTypes: ['code'] }),
  features: {
    devInteractions: { enabled: false },
    rpInitiatedLogout: { enabled: true, logoutSource },
    backchannelLogout: { enabled: true },
    revocation: { enabled: true },
    introspection: { enabled: true },
    clientCredentials: { enabled: !fapi },
    registration: { enabled: true },
    pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: fapi },
    requestObjects: { enabled: true },
    claimsParameter: { enabled: true },
    jwtResponseModes: { enabled: true },
    jwtUserinfo: { enabled: true },
    encryption: { enabled: true },
    dPoP: { enabled: true, ...(fapi && { nonceSecret: randomBytes(32), requireNonce: () => true }) },
    ...(fapi && { fapi: { enabled: true, profile: '2.0' } }),
    resourceIndicators: {
      enabled: true,
      defaultResource: (ctx, client, oneOf) => oneOf?.at(-1), // a token has one resource: the last requested
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, resource) => ({
        scope: 'email read',
        accessTokenFormat: resource.includes('opaque') ? 'opaque' : 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
  // The dispatcher that oidc-provider passes refuses loopback addresses, where the app listens.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  pkce: { required: () => true },
  extraClientMetadata: { properties: ['access_token_ttl'] },
  ttl: { AccessToken: (ctx, token, client) => client.access_token_ttl ?? 3600 },
  ...(!fapi && { rotateRefreshToken: true }),
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}`, policy: policy() },
  findAccount: (ctx, id) => accounts[id] && { accountId: id, claims: (use) => claims(id, use) },
  loadExistingGrant: grantWhatIsAsked,
});
provider.use(signInPage);
provider.on('server_error', (ctx, err) => console.error(err));
provider.on('backchannel.error', (ctx, err) => console.error('back-channel logout failed', err));

async function grantWhatIsAsked(ctx) {
  const grant = new provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
  grant.addOIDCScope([...ctx.oidc.requestParamScopes].join(' '));
  grant.addOIDCClaims([...ctx.oidc.requestParamClaims]);
  for (const [resource, { scope }] of Object.entries(ctx.oidc.resourceServers)) grant.addResourceScope(resource, scope);
  await grant.save();
  return grant;
}

// policy is the default policy, and also requires a new sign-in if the session's acr is too weak.
function policy() {
  const all = interactionPolicy.base();
  all.get('login').checks.add(new interactionPolicy.Check('acr_values', 'a stronger sign-in is asked for', (ctx) => {
    const { params, session, result } = ctx.oidc;
    return Boolean(params.acr_values) && !params.acr_values.split(' ').includes(session.acr) && !result?.login;
  }));
  return all;
}

const page = (title, body) => `<!doctype html><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>${body}`;

// signInPage offers one button for each account, without a password. Pressing it consents to everything requested. A form
// may set how many seconds ago the user authenticated (age).
async function signInPage(ctx, next) {
  if (!ctx.path.startsWith('/interaction/')) return next();
  if (ctx.method === 'POST') {
    const { params } = await provider.interactionDetails(ctx.req, ctx.res);
    const form = new URLSearchParams(await text(ctx.req));
    const accountId = form.get('account');
    const acr = params.acr_values?.split(' ').find((value) => value === accounts[accountId]?.acr);
    const ts = Math.floor(Date.now() / 1000) - Number(form.get('age'));
    ctx.status = 303;
    const result = { login: { accountId, acr, ts }, consent: {} };
    return ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result));
  }
  await provider.interactionDetails(ctx.req, ctx.res); // an unknown interaction is an error
  const buttons = Object.keys(accounts).map((id) => `<button name="account" value="${id}">${id}</button>`);
  ctx.body = page('Who are you?', `<form method="post">${buttons.join(' ')}</form>`);
}

function logoutSource(ctx, form) {
  ctx.body = page('Sign out here too?', `${form}<button form="op.logoutForm" name="logout" value="yes">Yes</button>`);
}

const server = createServer(provider.callback()).listen(Number(PORT), '127.0.0.1');
process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
});
