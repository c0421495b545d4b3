using System;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Tests.Os;

namespace Hakmem.Tests.Pages;

// A small arena over FaultyMemory. Disposing it gives back its address range, so that whatever lies in it must be disposed before.
internal sealed unsafe class TestArena : IDisposable
{
    public const long DefaultBytes = 256L << 20;

    // real: the memory below; null for that of this run.
    public TestArena(long bytes = DefaultBytes, OsMemory? real = null)
    {
        Os = new FaultyMemory(real);
        try
        {
            Arena = new Arena(Os, bytes);
            Arena.RefreshLimit();
        }
        catch
        {
            Os.Dispose();
            throw;
        }
    }

    public FaultyMemory Os { get; }

    public Arena Arena { get; }

    // What the operating system's side says is committed for SuperSlabs.
    public long CommittedBytes => Os.CommittedBytes(Arena.Base, Arena.ReservedBytes);

    public byte* AddressOf(int slab) => Arena.AddressOfSlab(slab);

    public void Dispose()
    {
        Os.AssertNoViolation();
        Os.Dispose();
    }
}
