using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Xunit;

namespace Hakmem.Tests.Callbacks;

// The system's zlib, with an allocator of its caller's: zalloc and zfree have one argument more than calloc and free.
internal static unsafe class Zlib
{
    public const string Name = "libz.so.1";

    private const int Finish = 4;
    private const int StreamEnd = 1;

    [ThreadStatic]
    private static int t_allocations;

    public static byte[] Deflate(byte[] text, out int allocations)
    {
        t_allocations = 0;
        byte[] packed = new byte[text.Length + 1_000];
        Stream stream = new() { Alloc = &ZAlloc, Free = &ZFree };
        fixed (byte* from = text)
        fixed (byte* to = packed)
        {
            stream.NextIn = from;
            stream.AvailableIn = (uint)text.Length;
            stream.NextOut = to;
            stream.AvailableOut = (uint)packed.Length;
            Assert.Equal(0, DeflateInit(&stream, 9, Version(), sizeof(Stream)));
            Assert.Equal(StreamEnd, Deflate(&stream, Finish));
            Assert.Equal(0, DeflateEnd(&stream));
        }

        allocations = t_allocations;
        return packed[..(int)stream.TotalOut];
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void* ZAlloc(void* opaque, uint count, uint byteCount)
    {
        t_allocations++;
        return HakmemCallbacks.Calloc(count, byteCount);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void ZFree(void* opaque, void* block) => HakmemCallbacks.Free(block);

    [DllImport(Name, EntryPoint = "zlibVersion")]
    private static extern byte* Version();

    [DllImport(Name, EntryPoint = "deflateInit_")]
    private static extern int DeflateInit(Stream* stream, int level, byte* version, int streamBytes);

    [DllImport(Name, EntryPoint = "deflate")]
    private static extern int Deflate(Stream* stream, int flush);

    [DllImport(Name, EntryPoint = "deflateEnd")]
    private static extern int DeflateEnd(Stream* stream);

    [StructLayout(LayoutKind.Sequential)]
    private struct Stream
    {
        public byte* NextIn;
        public uint AvailableIn;
        public nuint TotalIn;
        public byte* NextOut;
        public uint AvailableOut;
        public nuint TotalOut;
        public byte* Message;
        public void* State;
        public delegate* unmanaged[Cdecl]<void*, uint, uint, void*> Alloc;
        public delegate* unmanaged[Cdecl]<void*, void*, void> Free;
        public void* Opaque;
        public int DataType;
        public nuint Adler;
        public nuint Reserved;
    }
}
