package attempt

// Purposes of [Jar.SealText]. None is a cookie's name, so no text opens as an attempt, and no attempt as a text.
const (
	SignInParameters = "sign-in parameters" // that code adds to a sign-in, on their way through the browser in a URL
	Landed           = "landed"             // which sign-in a browser comes from, in a cookie of the sign-in route
	RefreshedTokens  = "refreshed tokens"   // that one request leaves for others, in the shared state
	ReplacedTokens   = "replaced tokens"    // that a sign-in leaves for its callback, in the shared state
	CallbackAnswer   = "callback answer"    // that one instance leaves for the others, in the shared state
)

// SealText makes text that nobody but the app can have made, or read.
func (j *Jar) SealText(purpose, text string) string {
	return j.ring.Seal([]byte(text), j.place(purpose))
}

// OpenText reverses SealText.
func (j *Jar) OpenText(purpose, sealed string) (text string, ok bool) {
	if len(sealed) > maxText {
		return "", false
	}
	plaintext, _, ok := j.ring.Open(sealed, j.place(purpose))
	return string(plaintext), ok
}

// maxText is the most that is opened: opening is work that anybody can ask for.
const maxText = 32 << 10
