package pages

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Language is a language that pages are shown in.
type Language struct {
	Tag       string // BCP 47, such as "de" or "pt-BR"
	Direction string // "ltr" or "rtl"
	texts     map[string]string
	prepared
}

func newLanguage(tag string, texts map[string]string) *Language {
	return &Language{Tag: tag, Direction: direction(tag), texts: texts}
}

// Text returns the text of a key, and "" for an unknown one.
func (l *Language) Text(key string) string { return l.texts[key] }

// With returns a text with a value in its placeholder. A name in a script of the other direction is isolated, so that
// it does not reorder the text around it (Unicode Bidirectional Algorithm, section 2.4).
func (l *Language) With(key, value string) string {
	const firstStrongIsolate, popDirectionalIsolate = "\u2068", "\u2069"
	if l.Direction == "rtl" || strings.ContainsFunc(value, isRightToLeft) {
		value = firstStrongIsolate + value + popDirectionalIsolate
	}
	before, rest, _ := strings.Cut(l.texts[key], "{")
	_, after, _ := strings.Cut(rest, "}")
	return before + value + after
}

func isRightToLeft(r rune) bool {
	return r >= 0x590 && // almost no name has such letters
		unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana, unicode.Nko, unicode.Adlam)
}

// direction returns the direction in which a language is written, by its script if the tag names one.
func direction(tag string) string {
	parts := strings.Split(strings.ToLower(tag), "-")
	written := slices.ContainsFunc(parts[1:], func(part string) bool { return len(part) == 4 && part[0] > '9' })
	rightToLeft := slices.Contains([]string{"ar", "ckb", "dv", "fa", "he", "iw", "ps", "sd", "ug", "ur", "yi"}, parts[0])
	if written {
		rightToLeft = slices.Contains([]string{"arab", "hebr", "thaa", "nkoo", "adlm"}, parts[1])
	}
	if rightToLeft {
		return "rtl"
	}
	return "ltr"
}

var tags = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)

// isTag reports whether a text has the form of a language tag (RFC 5646, section 2.1).
func isTag(tag string) bool { return len(tag) <= 35 && tags.MatchString(tag) }

// Language returns the language of a page: one that the request names in wanted (ui_locales), or that the user has
// chosen in the app, or else what the browser prefers.
func (s *Set) Language(r *http.Request, wanted string, chosen func() string) *Language {
	if l := s.Chosen(wanted); l != nil {
		return l
	}
	if l := s.Chosen(chosen()); l != nil {
		return l
	}
	return s.Accepted(r.Header["Accept-Language"])
}

// maxRanges is how many languages of a request are looked at: anyone can send thousands.
const maxRanges = 16

// Accepted returns the language that fits an Accept-Language header best (RFC 9110, section 12.5.4), and the first one
// of the app if none fits.
func (s *Set) Accepted(header []string) *Language {
	var best *Language
	weight, seen := 0.0, 0
	for _, line := range header {
		for entry := range strings.SplitSeq(line, ",") {
			if seen++; seen > maxRanges {
				break
			}
			tag, q := cutWeight(entry)
			if q <= weight { // of two with the same weight, the first one
				continue
			}
			if found := s.find(tag); found != nil {
				best, weight = found, q
			}
		}
	}
	if best == nil {
		return s.languages[0]
	}
	return best
}

// cutWeight splits an entry of Accept-Language into its language and its weight, which is 0 if it is malformed.
func cutWeight(entry string) (tag string, weight float64) {
	tag, param, weighted := strings.Cut(entry, ";")
	tag = strings.TrimSpace(tag)
	if !weighted {
		return tag, 1
	}
	name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
	q, err := strconv.ParseFloat(value, 64)
	if err != nil || !strings.EqualFold(name, "q") || !(q >= 0 && q <= 1) {
		return tag, 0
	}
	return tag, q
}

// Chosen returns the first language of a list, separated by spaces as in ui_locales (OpenID Connect Core 1.0, section
// 3.1.2.1), that the app has, or nil.
func (s *Set) Chosen(list string) *Language {
	seen := 0
	for tag := range strings.FieldsSeq(list) {
		if seen++; seen > maxRanges {
			break
		}
		if found := s.find(tag); found != nil {
			return found
		}
	}
	return nil
}

// find returns the language for a range: itself, or a wider one, as "de" for "de-AT" (RFC 4647, section 3.4), or else a
// variant, as "pt-BR" for "pt".
func (s *Set) find(tag string) *Language {
	if tag == "*" {
		return s.languages[0]
	}
	for wider := tag; wider != ""; wider = wider[:max(strings.LastIndexByte(wider, '-'), 0)] {
		for _, l := range s.languages {
			if strings.EqualFold(l.Tag, wider) {
				return l
			}
		}
	}
	for _, l := range s.languages {
		if n := len(tag); tag != "" && len(l.Tag) > n && l.Tag[n] == '-' && strings.EqualFold(l.Tag[:n], tag) {
			return l
		}
	}
	return nil
}
