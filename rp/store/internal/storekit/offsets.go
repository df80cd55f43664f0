package storekit

// What a script in a server needs to know of the head; offsets count from 0.
const (
	Layout   = layout
	HeadSize = headSize // before the reason and the references

	OffVersion = offVersion
	OffBegun   = offBegun
	OffActive  = offActive
	OffDue     = offDue
	OffAt      = offAt
	OffUntil   = offUntil
	OffTag     = offTag
	OffIssued  = offIssued
	OffOwner   = offOwner
	OffReason  = offReason
	OffRefs    = offRefs
)
