// Package events reports what happens, to the log and to the hooks of the app. It lists the kinds of events, with their
// messages and levels in the log and their names for apps, and has what an event says about the request that caused it.
package events

import "log/slog"

// Kind is the kind of an event, and its message in the log.
type Kind string

// The kinds. What the package that talks to the provider reports has kinds of its own.
const (
	SignInAccepted         Kind = "sign-in accepted"
	SignedIn               Kind = "signed in"
	SilentSignInFailed     Kind = "no silent sign-in"
	CallbackWithoutAttempt Kind = "callback without an attempt, but the user is signed in"
	SessionLost            Kind = "the session of a recent sign-in is gone, so the browser signs in again"
	ResponseModeMismatch   Kind = "the provider's response came in another response mode than requested"
	GroupsMissing          Kind = "groups are required and no sign-in had any: check the groups claim and scopes"

	Allowed       Kind = "allowed"
	Denied        Kind = "denied"
	RequestFailed Kind = "request failed"
	UserUnknown   Kind = "the user is not known, so a page without a guard shows nobody"
	SignInGuarded Kind = "a guard denies the sign-in, as the handler there is one of the app's: " +
		"give Auth.SignIn itself to the route, or put the guard on other routes only"

	SessionRenewed      Kind = "session renewed"
	SessionNotRenewed   Kind = "session not renewed"
	SessionEnded        Kind = "session ended"
	EarlierSessionLives Kind = "earlier session not ended"
	SeveralSessions     Kind = "the request has several sessions, so none is accepted: " +
		"its cookies come from several paths or domains"
	SessionNotListed   Kind = "session not listed"
	SessionStillListed Kind = "session still listed"
	OldStateStored     Kind = "the session as it was before its update is still in the store"
	CookiesNotDeleted  Kind = "cookies of an ended session not deleted"

	TokensRefreshed  Kind = "tokens refreshed"
	RefreshRefused   Kind = "refresh refused, which ends the session"
	RefreshUnchecked Kind = "refreshed tokens kept without knowing whether their session has ended"
	RefreshNotShared Kind = "refreshed tokens not shared with other requests"
	TokensNotRevoked Kind = "tokens not revoked"

	MembershipsChanged Kind = "groups or organizations have changed at the provider"
	RecheckRefused     Kind = "the user may no longer sign in, which ends the session"
	RecheckFailed      Kind = "user not read again, which is tried again"
	RecheckNotShared   Kind = "user read again and not shared with other requests"
	RecheckNotSaved    Kind = "user read again and not saved in the session"

	ReplacedTokensNotLeft Kind = "a sign-in cannot revoke the tokens of the session it replaces"

	LeaseNotReleased Kind = "lease not released"

	LogoutCall           Kind = "the provider signed the user out"
	LogoutRefused        Kind = "back-channel logout refused"
	SessionNotLabelled   Kind = "session not labelled"
	Signal               Kind = "signal"
	SignalRefused        Kind = "signal refused"
	SignalForgotten      Kind = "signal not marked as used"
	PollFailed           Kind = "polling for signals failed"
	LogoutTokenForgotten Kind = "logout token not marked as used"
	FrontChannelNoList   Kind = "front-channel logout ended nothing, since State lists no sessions"
	FrontChannelNothing  Kind = "front-channel logout ended nothing"
	ProviderGone         Kind = "the session is of a provider that is not configured any longer"
	ProviderInvalid      Kind = "FindProvider returned a provider that cannot be used"
	Linked               Kind = "account linked"
	SignedInHookFailed   Kind = "OnSignedIn"
	SignOutHookFailed    Kind = "OnSignOut"
)

// Level returns info for what happens in a working app, warn for what its operator should look at, and error for what
// prevents users from signing in or out. It returns false for kinds whose level depends on the case.
func (k Kind) Level() (level slog.Level, ok bool) {
	switch k {
	case SessionRenewed, CookiesNotDeleted:
		return slog.LevelDebug, true
	case UserUnknown, SessionLost, ResponseModeMismatch, GroupsMissing, SessionNotRenewed, SeveralSessions,
		SessionNotListed, SessionStillListed, OldStateStored, RefreshRefused, TokensNotRevoked,
		ReplacedTokensNotLeft, LeaseNotReleased, LogoutRefused, LogoutTokenForgotten,
		FrontChannelNoList, SessionNotLabelled, SignalRefused, SignalForgotten, PollFailed,
		RecheckRefused, RecheckFailed, RecheckNotShared, RecheckNotSaved:
		return slog.LevelWarn, true
	case SignInGuarded, ProviderInvalid, EarlierSessionLives, RefreshUnchecked, RefreshNotShared,
		SignedInHookFailed, SignOutHookFailed:
		return slog.LevelError, true
	}
	return slog.LevelInfo, false
}

// name returns the name of the kind for OnEvent, or "" if it depends on the case.
func (k Kind) name() string {
	switch k {
	case SignInAccepted:
		return "sign_in"
	case SilentSignInFailed:
		return "sign_in_refused"
	case SignedIn:
		return "session_started"
	case SessionRenewed:
		return "session_renewed"
	case SessionEnded:
		return "session_ended"
	case TokensRefreshed:
		return "tokens_refreshed"
	case RefreshRefused:
		return "refresh_refused"
	case MembershipsChanged:
		return "memberships_changed"
	case RecheckRefused:
		return "recheck_refused"
	case RecheckFailed:
		return "recheck_failed"
	case Allowed:
		return "allowed"
	case LogoutCall:
		return "logout_call"
	case LogoutRefused, FrontChannelNoList, FrontChannelNothing:
		return "logout_refused"
	case Linked:
		return "linked"
	case Signal:
		return "signal"
	case SignalRefused:
		return "signal_refused"
	}
	return ""
}
