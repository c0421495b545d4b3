using System;

namespace Hakmem.Os;

// Sixteen bytes at the start of a committed range, random for each process and different at every address, that
// distinguish it from a foreign mapping. A system call reads them, since it refuses where a load would fault.
internal static unsafe class RangeMark
{
    private static readonly Guid s_mark = Guid.NewGuid();

    // SAFETY: the range is committed, and only the caller uses it.
    public static void Write(byte* range) => *(Guid*)range = For(range);

    // Whether the range has its mark. Also false if it cannot be read.
    public static bool IsAt(byte* range)
    {
        Guid found;
        nuint* into = stackalloc nuint[2] { (nuint)(&found), (nuint)sizeof(Guid) };
        nuint* from = stackalloc nuint[2] { (nuint)range, (nuint)sizeof(Guid) };
        nint count = LinuxNative.ReadProcess(LinuxNative.ProcessId(), into, 1, from, 1, 0);
        return count == sizeof(Guid) && found == For(range);
    }

    private static Guid For(byte* range)
    {
        Guid mark = s_mark;
        *(nuint*)&mark ^= (nuint)range;
        return mark;
    }
}
