// Package planes lists the data planes that there are. Everything that names
// them ranges over this list: the configuration, the lab and its tests, and
// throughput.
package planes
