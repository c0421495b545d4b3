using System.Buffers;

namespace Hakmem.Tests.Conformance;

// The reference: shows that the suite asks for nothing that the framework's own pool does not do.
public sealed class FrameworkPoolConformance : MemoryPoolConformance
{
    protected override MemoryPool<byte> Pool => MemoryPool<byte>.Shared;

    protected override bool IsArrayBacked => true;
}
