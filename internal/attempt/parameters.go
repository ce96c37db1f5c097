package attempt

// parametersPlace is no cookie's name, so parameters do not open as an attempt, and no attempt as parameters.
const parametersPlace = "sign-in parameters"

// SealParameters makes text that goes through the browser in a URL, and that nobody but the app can have made.
func (j *Jar) SealParameters(parameters string) string {
	return j.ring.Seal([]byte(parameters), j.place(parametersPlace))
}

// OpenParameters reverses SealParameters.
func (j *Jar) OpenParameters(text string) (parameters string, ok bool) {
	if len(text) > maxValue {
		return "", false
	}
	plaintext, _, ok := j.ring.Open(text, j.place(parametersPlace))
	return string(plaintext), ok
}
