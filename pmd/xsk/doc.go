// Package xsk is the AF_XDP driver.
package xsk
