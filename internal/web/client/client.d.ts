/** What /auth/userinfo shows of the signed-in user: the claims in Config.UserInfoClaims. */
export interface User {
  sub: string
  name?: string
  preferred_username?: string
  email?: string
  email_verified?: boolean
  picture?: string
  groups?: string[]
  organizations?: string[]
  [claim: string]: unknown
}

/** Parameters of the sign-in route. */
export interface SignInOptions {
  /** The page to return to: a path of the app. Default: this page. */
  return_to?: string
  /** Whether the browser keeps the session after it is closed, with Config.Remember "ask". */
  remember?: "true"
  prompt?: string
  login_hint?: string
  max_age?: string
  acr_values?: string
  ui_locales?: string
  display?: string
}

export interface WatchOptions {
  /** How long before its end to warn, in seconds. Default: 60. */
  warnBefore?: number
  /** Called once before the session ends, with the seconds that are left. */
  onWarning?: (secondsLeft: number) => void
  /** Called when nobody is signed in any longer. */
  onEnd?: () => void
}

/**
 * Returns the signed-in user, or null. It counts as use of the session, so it also extends one that is about to end for
 * lack of use.
 */
export function user(): Promise<User | null>

/** Goes to the sign-in. The promise never resolves, since the page is left. */
export function signIn(options?: SignInOptions): Promise<never>

/**
 * Ends the session, tells the other tabs, and goes to the provider's sign-out or back to the app. It rejects if the
 * user could not be signed out.
 */
export function signOut(): Promise<never>

/**
 * Is fetch, but goes to the sign-in if the response requires one, also a fresher or stronger one, and returns to this
 * page. The promise then never resolves. A listener for the event "ginoidc:signin" of the window that calls
 * preventDefault gets the response instead, for example to let the user save a draft first.
 */
export function authFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>

/**
 * Watches the session without extending it, and returns a function that stops. It also notices sign-outs in other tabs
 * at once, and those elsewhere within five minutes or when the tab is shown again.
 */
export function watchSession(options?: WatchOptions): () => void
