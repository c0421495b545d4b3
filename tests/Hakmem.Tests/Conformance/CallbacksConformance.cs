using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

// The functions for native libraries, called as those call them.
public sealed class CallbacksConformance() : AllocatorConformance(new CallbackAllocator());
