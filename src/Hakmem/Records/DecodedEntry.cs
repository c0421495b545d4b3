namespace Hakmem.Records;

// A page map entry's parts. Address is that of the first unit of the span, run or range; HeapSlot and SizeClass are a
// span's only, and else -1.
internal readonly record struct DecodedEntry(EntryKind Kind, nuint Address, int HeapSlot, int SizeClass);
