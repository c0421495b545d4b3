namespace Hakmem.Tests.Buffers;

// What a generated step does to a stream beside others in a heap that may have no room. The first stands for most
// steps: a call of the stream.
public enum RefusalAction
{
    Call,
    CallOnceMore,
    FillHeap,
    DrainHeap,
    DrainHeapMore,
    RaiseCapacity,
    HandOut,
    CopyToOther,
    WriteToOther,
    CopyFromOther,
}
