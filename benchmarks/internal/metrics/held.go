package metrics

import "runtime"

// Held returns how many bytes a thing that construct makes keeps from the
// garbage collector.
func Held(construct func() any) float64 {
	things := make([]any, 16)
	before := live()
	for i := range things {
		things[i] = construct()
	}
	after := live()
	runtime.KeepAlive(things)
	return float64(after-before) / float64(len(things))
}

func live() int64 {
	runtime.GC()
	runtime.GC() // frees what the first one found with a finalizer or a cleanup
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
