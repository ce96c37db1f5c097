// Package timing compares how long an operation takes for two inputs. Tests use it for comparisons of secrets, which
// must take as long for a guess that is wrong at its beginning as for one that is wrong at its end.
package timing

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	rounds    = 3
	threshold = 100 // of Welch's t: a comparison that stops early reaches hundreds, noise of a busy machine tens
)

// Distinguishable measures an operation for two inputs that many times, in random order, and reports whether one of
// them takes longer. t is Welch's t of the last round. It takes up to three rounds, and each has to say the same: what
// a busy machine does in one of them does not count. operation prepares an input, true for the second. It is called
// anew for each round, because it matters as well where in memory an input lies. With the race detector, a twentieth of
// the samples has to do.
func Distinguishable(samples int, operation func(second bool) func()) (t float64, distinguishable bool) {
	direction := 0.0
	for round := range rounds {
		var of [2]func()
		first := round % 2 // so that the other input gets the memory that becomes free
		of[first] = operation(first == 1)
		of[1-first] = operation(first == 0)
		t = compare(samples/share, of)
		if math.Abs(t) < threshold || t*direction < 0 {
			return t, false
		}
		direction = t
	}
	return t, true
}

// compare returns Welch's t of the durations, without the slowest tenth: those were interrupted.
func compare(samples int, operations [2]func()) float64 {
	var taken [2][]float64
	for range 2 * samples {
		which := rand.IntN(2)
		began := time.Now()
		operations[which]()
		taken[which] = append(taken[which], float64(time.Since(began)))
	}
	all := slices.Sorted(slices.Values(slices.Concat(taken[0], taken[1])))
	limit := all[len(all)*9/10]
	meanA, errorA := mean(taken[0], limit)
	meanB, errorB := mean(taken[1], limit)
	if spread := math.Sqrt(errorA + errorB); spread > 0 {
		return (meanB - meanA) / spread
	}
	return 0
}

// mean returns the mean of the values up to limit, and the square of its standard error.
func mean(values []float64, limit float64) (mean, squaredError float64) {
	n, sum, squares := 0.0, 0.0, 0.0
	for _, v := range values {
		if v <= limit {
			n++
			sum += v
			squares += v * v
		}
	}
	mean = sum / n
	return mean, (squares/n - mean*mean) / n
}
