namespace Hakmem.Tests.Tags;

// One step of a generated sequence on tags, in plain values so that it shrinks and prints. Slot picks a live block and
// By who frees or resizes it, each modulo their number.
public sealed record TagStep(TagAction Action, int Tag, int Slot, int By, int Bytes);
