namespace Hakmem.Tests.Support;

// An allocator of a program's own class.
internal sealed class ForwardingAllocator(IHakmemAllocator heap) : WrappedAllocator(heap);
