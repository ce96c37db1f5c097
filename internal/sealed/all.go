package sealed

// All are the texts of an app that leave the process, by what they are for.
type All struct {
	Kept       *Text // values that one request keeps for others, in the shared state
	Recent     *Text // the sign-in that a browser has just completed, in a cookie of the sign-in route
	Parameters *Text // parameters that the app adds to a sign-in, in a URL
	Proofs     *Text // the nonces of DPoP proofs
}

// NewAll derives the keys of each purpose from the secrets. A text sealed for one purpose cannot be used for another.
func NewAll(secrets []string, audience string) (all All, err error) {
	for purpose, text := range map[string]**Text{
		"kept values": &all.Kept, "landed": &all.Recent, "sign-in parameters": &all.Parameters, "DPoP nonce": &all.Proofs,
	} {
		if *text, err = New(purpose, secrets, audience); err != nil {
			return All{}, err
		}
	}
	return all, nil
}
