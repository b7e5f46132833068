module github.com/ecmp-go/ecmp/benchmarks

go 1.26.0

require github.com/ecmp-go/ecmp v0.1.0

replace github.com/ecmp-go/ecmp => ../
