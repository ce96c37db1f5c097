// Package bench measures a guarded request beside bare Gin and beside gin-contrib/sessions as apps use it, in one run:
// machines differ, ratios hardly do.
//
//	go test -bench . -benchmem -cpu 1
package bench
