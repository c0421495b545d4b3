using System.Runtime.CompilerServices;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>A port of mimalloc to C#, called by function pointers, as the native library is.</summary>
/// <typeparam name="T">Which port.</typeparam>
internal readonly unsafe struct PortSubject<T> : IAllocatorSubject
    where T : struct, IManagedPort
{
    private static readonly delegate*<nuint, void*> s_malloc =
        (delegate*<nuint, void*>)T.Port.Export("mi_malloc", typeof(nuint));

    private static readonly delegate*<nuint, void*> s_zalloc =
        (delegate*<nuint, void*>)T.Port.Export("mi_zalloc", typeof(nuint));

    private static readonly delegate*<void*, nuint, void*> s_realloc =
        (delegate*<void*, nuint, void*>)T.Port.Export("mi_realloc", typeof(void*), typeof(nuint));

    private static readonly delegate*<void*, void> s_free =
        (delegate*<void*, void>)T.Port.Export("mi_free", typeof(void*));

    /// <summary>Loads the assembly and binds the functions.</summary>
    public static void Prepare() => RuntimeHelpers.RunClassConstructor(typeof(PortSubject<T>).TypeHandle);

    public static void* Alloc(nuint byteCount) => s_malloc(byteCount);

    public static void* AllocZeroed(nuint byteCount) => s_zalloc(byteCount);

    public static void* Realloc(void* block, nuint byteCount) => s_realloc(block, byteCount);

    public static void Free(void* block) => s_free(block);
}

/// <summary>Says which port a <see cref="PortSubject{T}"/> calls.</summary>
internal interface IManagedPort
{
    /// <summary>The port.</summary>
    static abstract ManagedPort Port { get; }
}

/// <summary>Chooses TerraFX.Interop.Mimalloc.</summary>
internal readonly struct TerraFxPort : IManagedPort
{
    public static ManagedPort Port => ManagedPort.TerraFx;
}

/// <summary>Chooses FlowtideDotNet.MiMalloc.</summary>
internal readonly struct FlowtidePort : IManagedPort
{
    public static ManagedPort Port => ManagedPort.Flowtide;
}
