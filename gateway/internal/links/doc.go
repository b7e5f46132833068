// Package links asks the kernel for interfaces, their carrier, and the
// neighbours behind them. It needs Linux and no privilege.
package links
