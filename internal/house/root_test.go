package main

// root is the directory of the repository. Each test changes to it, so that it names files as the pages do. TestMain
// must not do that for all: the go command records what a test reads from m.Run on, and would return cached results
// after a page has changed.
const root = "../.."
