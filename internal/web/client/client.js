// Who is signed in, and how to sign in and out, for the pages of an app with ginoidc. client.d.ts describes each
// function, and docs/spa.md shows how to use them.

const base = new URL(".", import.meta.url)
const signInPath = new URL("signin", base).pathname
const channel = new BroadcastChannel("ginoidc " + base.pathname)
const watchers = new Set()
const checkAll = () => watchers.forEach((check) => check())
channel.onmessage = checkAll

async function userInfo(query) {
  const response = await fetch(new URL("userinfo" + query, base), { cache: "no-store" })
  if (response.status === 204) return null
  if (!response.ok) throw new Error(`userinfo: status ${response.status}`)
  return response.json()
}

// leave never resolves, so that no script goes on with a page that is about to be replaced.
function leave(url) {
  location.assign(url)
  return new Promise(() => {})
}

const here = () => location.pathname + location.search

export const user = () => userInfo("")

export function signIn({ return_to = here(), ...parameters } = {}) {
  const url = new URL("signin", base)
  url.search = new URLSearchParams({ ...parameters, return_to })
  return leave(url)
}

export async function signOut() {
  const response = await fetch(new URL("signout", base), { method: "POST", headers: { Accept: "application/json" } })
  if (!response.ok) throw new Error(`signout: status ${response.status}`)
  channel.postMessage("")
  return leave((await response.json()).location)
}

// signInURL returns where to sign in after a response, or null. A response of another server cannot lead elsewhere.
async function signInURL(response) {
  if (response.status !== 401 || !response.headers.get("Content-Type")?.startsWith("application/json")) return null
  const body = await response.clone().json().catch(() => null)
  if (typeof body?.sign_in_url !== "string") return null
  const url = new URL(body.sign_in_url, location.href)
  return url.origin === location.origin && url.pathname === signInPath ? url : null
}

export async function authFetch(input, init) {
  const response = await fetch(input, init)
  const url = await signInURL(response)
  if (!url || !dispatchEvent(new CustomEvent("ginoidc:signin", { cancelable: true, detail: { response } }))) {
    return response
  }
  url.searchParams.set("return_to", here())
  return leave(url)
}

const maxWait = 300 // seconds between two looks at the session, which other tabs and the provider can end

export function watchSession({ warnBefore = 60, onWarning, onEnd } = {}) {
  let timer, stopped = false, warned = false
  const again = (seconds) => {
    clearTimeout(timer)
    if (!stopped) timer = setTimeout(check, 1000 * Math.max(1, seconds))
  }
  const check = async () => {
    let now
    try {
      now = await userInfo("?session")
    } catch {
      return again(30)
    }
    if (stopped) return
    if (!now) {
      stop()
      return onEnd?.()
    }
    if (!now.session) return // no session that could end
    const left = Math.min(now.session.expires_in, now.session.idle_expires_in)
    if (left > warnBefore) {
      warned = false
      return again(Math.min(left - warnBefore, maxWait))
    }
    if (!warned) {
      warned = true
      onWarning?.(left)
    }
    again(Math.min(left + 1, maxWait))
  }
  const visible = () => document.visibilityState === "visible" && check()
  const stop = () => {
    stopped = true
    clearTimeout(timer)
    watchers.delete(check)
    document.removeEventListener("visibilitychange", visible)
  }
  watchers.add(check)
  document.addEventListener("visibilitychange", visible)
  check()
  return stop
}
