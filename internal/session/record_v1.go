package session

import "github.com/seed-d65cea4d/ginoidc/internal/wire"

// flagActor is a flag of version 1: an Actor comes last.
const flagActor = 1 << 4

// parseRest1 finds what comes after the head in version 1, which is no longer written: texts ‖ lists ‖ Claims ‖ Data ‖
// IDToken ‖ Actor.
func (p *parts) parseRest1(rd *wire.Reader) {
	field := func(tag, size int) {
		if at := rd.At(); size > 0 && !rd.Failed() {
			p.fields[tag/2] = span{uint32(at - size), uint32(at)}
		}
	}
	for tag := fieldSubject; tag <= fieldAskedACR; tag += 2 {
		field(tag, len(rd.Block()))
	}
	field(fieldGroups, len(rd.CountedList()))
	field(fieldOrganizations, len(rd.CountedList()))
	for tag := fieldClaims; tag <= fieldIDToken; tag += 2 {
		field(tag, len(rd.Block()))
	}
	if p.flags&flagActor != 0 {
		if actor := rd.Block(); len(actor) > 0 {
			field(fieldActor, len(actor))
		} else {
			rd.Fail()
		}
	}
}
