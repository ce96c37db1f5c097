package session

import "net/http"

const setCookie = "Set-Cookie"

// headerWriter lets a store write to the header of a response and to nothing else.
type headerWriter struct{ header http.Header }

func (w headerWriter) Header() http.Header         { return w.header }
func (w headerWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w headerWriter) WriteHeader(int)             {}
