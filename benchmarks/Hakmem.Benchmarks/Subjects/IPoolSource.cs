using System.Buffers;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>Names a <see cref="MemoryPool{T}"/>, so that one rental type serves every pool of that kind.</summary>
internal interface IPoolSource
{
    /// <summary>The pool.</summary>
    static abstract MemoryPool<byte> Pool { get; }
}
