//go:build !race

package timing

const share = 1
