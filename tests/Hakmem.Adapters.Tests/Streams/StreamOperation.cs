namespace Hakmem.Adapters.Tests.Streams;

// A call that both streams are given.
internal enum StreamOperation
{
    Write,
    WriteArray,
    WriteByte,
    Read,
    ReadArray,
    ReadByte,
    SafeRead,
    SafeReadArray,
    SafeReadByte,
    Seek,
    Position,
    Truncate,
    WriterSpan,
    WriterMemoryInTwoSteps,
    WriteTo,
    WriteRangeTo,
    WriteToArray,
    WriteRangeToArray,
    CopyToAsync,
    Sequence,
    ToArray,
}
