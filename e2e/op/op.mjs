// The OpenID provider of the end-to-end tests: oidc-provider, a certified engine, with three accounts and no consent screen.
//
//   PORT                listens on 127.0.0.1:PORT; the issuer is http://127.0.0.1:PORT
//   CLIENT_ID, CLIENT_SECRET
//   REDIRECT_URIS       separated by spaces
//   SIGNED_OUT_URIS     post_logout_redirect_uris, separated by spaces
//   LOGOUT_URI          backchannel_logout_uri: gets a logout token with a sid when the user signs out here
//   GROUPS_IN           "id_token" or "userinfo": the one place where groups and organizations appear
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { Provider } from 'oidc-provider';

const { PORT, CLIENT_ID, CLIENT_SECRET, REDIRECT_URIS, SIGNED_OUT_URIS, LOGOUT_URI, GROUPS_IN } = process.env;
if (!['id_token', 'userinfo'].includes(GROUPS_IN)) throw new Error(`GROUPS_IN=${GROUPS_IN}: id_token or userinfo`);

const accounts = {
  alice: { name: 'Alice Adams', groups: ['admin', 'staff', 'audit'], organizations: ['acme'] },
  bob: { name: 'Bob Brown', groups: ['staff'], organizations: ['globex'] },
  carol: { name: 'Carol Clark' },
};

// use is the place the claims are for: one of the two values of GROUPS_IN.
function claims(id, use) {
  const { groups, organizations, ...person } = accounts[id];
  const all = { sub: id, ...person, preferred_username: id, email: `${id}@example.com`, email_verified: true };
  return use === GROUPS_IN ? { ...all, groups, organizations } : all;
}

const signingKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
const provider = new Provider(`http://127.0.0.1:${PORT}`, {
  clients: [{
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    redirect_uris: REDIRECT_URIS.split(' '),
    post_logout_redirect_uris: SIGNED_OUT_URIS.split(' '),
    backchannel_logout_uri: LOGOUT_URI,
    backchannel_logout_session_required: true,
  }],
  jwks: { keys: [{ ...signingKey, kid: randomBytes(8).toString('hex'), use: 'sig', alg: 'RS256' }] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username', 'groups', 'organizations'],
    email: ['email', 'email_verified'],
  },
  conformIdTokenClaims: GROUPS_IN === 'userinfo', // the strict reading keeps scope claims out of the ID token
  features: {
    devInteractions: { enabled: false },
    rpInitiatedLogout: { enabled: true, logoutSource },
    backchannelLogout: { enabled: true },
  },
  // The dispatcher that oidc-provider passes refuses loopback addresses, and the app has no other.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  pkce: { required: () => true },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (ctx, id) => accounts[id] && { accountId: id, claims: (use) => claims(id, use) },
  loadExistingGrant: grantWhatIsAsked,
});
provider.use(signInPage);
provider.on('server_error', (ctx, err) => console.error(err));
provider.on('backchannel.error', (ctx, err) => console.error('back-channel logout failed', err));

async function grantWhatIsAsked(ctx) {
  const grant = new provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
  grant.addOIDCScope([...ctx.oidc.requestParamScopes].join(' '));
  await grant.save();
  return grant;
}

const page = (title, body) => `<!doctype html><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>${body}`;

// signInPage offers one button an account; no password.
async function signInPage(ctx, next) {
  if (!ctx.path.startsWith('/interaction/')) return next();
  if (ctx.method === 'POST') {
    const accountId = new URLSearchParams(await text(ctx.req)).get('account');
    ctx.status = 303;
    return ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, { login: { accountId } }));
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
