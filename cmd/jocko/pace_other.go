//go:build !linux

package main

import "time"

// preciseNaps returns time.Sleep: nothing better is at hand here.
func preciseNaps() (nap func(time.Duration), done func()) { return time.Sleep, func() {} }
