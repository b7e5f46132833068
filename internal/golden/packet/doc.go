// Package packet is a slow model of package hash, for tests: parsing, flow keys
// and hashers. It aims for readability above speed, goes byte by byte, and
// shares no code with what it checks.
package packet
