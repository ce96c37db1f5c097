package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/seed-d65cea4d/ginoidc/internal/directory"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// makeParties makes the relying parties of the configuration.
func (a *core) makeParties(variables map[string]string) error {
	cfg := &a.config
	a.providers.several, a.providers.byName = cfg.severalProviders(), map[string]*relyingParty{}
	for i := range cfg.Providers {
		rp, err := newRelyingParty(a, &cfg.Providers[i], settingNames{variables, providerPath(i)}, nil)
		if err != nil {
			return err
		}
		a.providers.fixed = append(a.providers.fixed, rp)
		a.providers.byName[rp.settings.Name] = rp
	}
	if cfg.FindProvider != nil {
		a.providers.found = directory.New(a.find, func(rp *relyingParty) { rp.client.CloseIdle() }, a.log)
	}
	return nil
}

// partyOf is relyingParties.party. It reports sessions whose provider is not configured any longer.
func (a *core) partyOf(ctx context.Context, name string, head []byte) (*session.Party, error) {
	party, err := a.providers.party(ctx, name, head)
	if party == nil && err == nil && name != "" {
		a.emit(ctx, event{kind: eventProviderGone, provider: name})
	}
	return party, err
}

// find makes the relying party of a provider that Config.FindProvider returns. If the provider is as it was, the client
// with its metadata, keys and connections is kept.
func (a *core) find(ctx context.Context, name string, old *relyingParty) (*relyingParty, error) {
	settings, err := a.config.FindProvider(ctx, name)
	if errors.Is(err, ErrUnknownProvider) {
		return nil, fmt.Errorf("%w: %w", directory.ErrUnknown, err)
	}
	if err != nil {
		return nil, err
	}
	names := settingNames{path: fmt.Sprintf("FindProvider(%q).", name)}
	if err := settings.prepareFound(name, names.path); err != nil {
		a.emit(ctx, event{kind: eventProviderInvalid, provider: name, err: err})
		return nil, err
	}
	var client *provider.Provider
	if old != nil && old.settings.sameClient(&settings) {
		client = old.client
	}
	rp, err := newRelyingParty(a, &settings, names, client)
	if err == nil && old != nil && client == nil {
		old.client.CloseIdle()
	}
	return rp, err
}

// prepareFound completes the settings of a provider found at run time, and returns their problems.
func (p *Provider) prepareFound(name, path string) error {
	copyLists(p)
	p.found = true
	setDefault(&p.Name, name)
	setDefault(&p.GroupsPrefix, p.Name+":")
	p.setDefaults()
	found := &problems{path: path}
	if p.Name != name {
		found.add("Name", fmt.Sprintf("is %q", p.Name), "return the provider of the name, or ErrUnknownProvider")
	}
	p.validate(found)
	p.validateFound(found)
	return errors.Join(found.errs...)
}

// sameClient reports whether a client made for p serves for q too: they differ at most in what the client does not use.
func (p *Provider) sameClient(q *Provider) bool {
	if !p.RootCAs.Equal(q.RootCAs) {
		return false
	}
	a, b := *p, *q
	for _, one := range []*Provider{&a, &b} {
		one.RootCAs, one.GroupsResolver = nil, nil
	}
	return reflect.DeepEqual(a, b)
}

// ForgetProvider makes the next use of a provider ask [Config].FindProvider again. Call it, on every instance, when the
// app has changed or removed the provider: otherwise that takes effect within a minute.
func (a *Auth) ForgetProvider(name string) {
	if a.providers.found != nil {
		a.providers.found.Forget(name)
	}
}
