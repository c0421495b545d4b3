using System.Buffers;

namespace Hakmem.Tests.Conformance;

public sealed class SharedPoolConformance : MemoryPoolConformance
{
    protected override MemoryPool<byte> Pool => NativeMemoryPool.Shared;

    protected override bool IsArrayBacked => false;
}
