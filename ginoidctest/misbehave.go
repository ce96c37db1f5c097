package ginoidctest

import (
	"slices"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// Misbehaviour names a fault of a provider that apps may encounter.
type Misbehaviour string

// The misbehaviours. The app's sign-in fails with each of them except [GroupsOverage] and [RefreshInvalidGrant]. Other
// faults need no name: [Provider.OnIDToken] makes an expired token or one without acr, and [Provider.Intercept] any
// response.
const (
	Slow                Misbehaviour = "slow"                  // metadata, keys, token, userinfo: no response for a minute
	Unavailable503      Misbehaviour = "unavailable-503"       // token endpoint: 503 with Retry-After
	ErrorInvalidGrant   Misbehaviour = "error-invalid-grant"   // token endpoint: 400, as for an expired code
	ErrorInvalidClient  Misbehaviour = "error-invalid-client"  // token endpoint: 401, as for a wrong client secret
	GroupsOverage       Misbehaviour = "groups-overage"        // ID token, userinfo: a reference instead of the groups
	IssuerMismatch      Misbehaviour = "issuer-mismatch"       // metadata: another issuer than configured
	RefreshInvalidGrant Misbehaviour = "refresh-invalid-grant" // token endpoint: 400 to refreshes, as after a revocation
)

func misbehaviours() []Misbehaviour {
	return []Misbehaviour{
		Slow, Unavailable503, ErrorInvalidGrant, ErrorInvalidClient, GroupsOverage, IssuerMismatch, RefreshInvalidGrant,
	}
}

// Misbehave replaces the active misbehaviours. Without names the provider behaves correctly. It fails the test if a
// name is unknown.
func (p *Provider) Misbehave(tb TB, names ...Misbehaviour) {
	tb.Helper()
	var faults []fakeop.Misbehaviour
	for _, name := range names {
		if !slices.Contains(misbehaviours(), name) {
			tb.Fatalf("unknown misbehaviour %q; there are %q", name, misbehaviours())
			return
		}
		faults = append(faults, fakeop.Misbehaviour(name))
	}
	p.op.Misbehave(faults...)
}
