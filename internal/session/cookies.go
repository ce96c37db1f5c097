package session

import "net/http"

const setCookie = "Set-Cookie"

// headerWriter lends a store the header of a response and nothing else of it.
type headerWriter struct{ header http.Header }

func (w headerWriter) Header() http.Header         { return w.header }
func (w headerWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w headerWriter) WriteHeader(int)             {}
