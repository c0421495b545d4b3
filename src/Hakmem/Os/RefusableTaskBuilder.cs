#if DEBUG && NET
using System;
using System.Runtime.CompilerServices;
using System.Threading.Tasks;

namespace Hakmem.Os;

// Builds the tasks of async methods as the framework does, but lets a test refuse the object that a method needs at its
// first await. Then the method ends without its finally blocks, since it seems to wait, and only catch blocks run.
internal struct RefusableTaskBuilder<T>
{
    // Not readonly: a mutable struct.
    private AsyncTaskMethodBuilder<T> _real;

    public Task<T> Task => _real.Task;

    public static RefusableTaskBuilder<T> Create() => new() { _real = AsyncTaskMethodBuilder<T>.Create() };

    public void Start<TStateMachine>(ref TStateMachine machine)
        where TStateMachine : IAsyncStateMachine => _real.Start(ref machine);

    public void SetStateMachine(IAsyncStateMachine machine) => _real.SetStateMachine(machine);

    public void SetResult(T result) => _real.SetResult(result);

    public void SetException(Exception failure) => _real.SetException(failure);

    public void AwaitOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine machine)
        where TAwaiter : INotifyCompletion
        where TStateMachine : IAsyncStateMachine
    {
        ManagedMemory.Need();
        _real.AwaitOnCompleted(ref awaiter, ref machine);
    }

    public void AwaitUnsafeOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine machine)
        where TAwaiter : ICriticalNotifyCompletion
        where TStateMachine : IAsyncStateMachine
    {
        ManagedMemory.Need();
        _real.AwaitUnsafeOnCompleted(ref awaiter, ref machine);
    }
}
#endif
