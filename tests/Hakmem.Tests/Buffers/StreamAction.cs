namespace Hakmem.Tests.Buffers;

// What a generated step does to a stream.
public enum StreamAction
{
    Write,
    WriteByte,
    WriteAsync,
    WriteThroughWriter,
    Read,
    ReadByte,
    ReadAsync,
    SeekFromBegin,
    SeekFromCurrent,
    SeekBackFromCurrent,
    SeekFromEnd,
    SetPosition,
    SetLength,
    CopyTo,
    CopyToAsync,
    WriteTo,
    WriteToItself,
    CopyToItself,
    TrimCapacity,
}
