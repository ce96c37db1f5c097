package session

import "github.com/seed-d65cea4d/ginoidc/internal/wire"

// flagActor is a flag of version 1: an Actor comes last.
const flagActor = 1 << 4

// decodeRest1 reads what comes after the head in version 1, which is no longer written: texts ‖ lists ‖ Claims ‖ Data ‖
// IDToken ‖ Actor.
func (rec *Record) decodeRest1(rd *wire.Reader, flags byte) {
	for _, text := range [...]*string{
		&rec.Subject, &rec.SID, &rec.Name, &rec.PreferredUsername, &rec.Email, &rec.Picture, &rec.ACR, &rec.AskedACR,
	} {
		*text = rd.Text()
	}
	rec.Groups, rec.Organizations = rd.CountedList(), rd.CountedList()
	for _, block := range [...]*[]byte{&rec.Claims, &rec.Data, &rec.IDToken} {
		if b := rd.Block(); len(b) > 0 {
			*block = b
		}
	}
	if flags&flagActor != 0 {
		if rec.Actor = rd.Block(); len(rec.Actor) == 0 {
			rd.Fail()
		}
	}
}
