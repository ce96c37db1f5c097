//go:build race

package timing

// share is the part of the samples that is taken: with the race detector, a comparison takes many times as long.
const share = 20
