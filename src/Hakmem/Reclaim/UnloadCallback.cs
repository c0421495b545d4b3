namespace Hakmem.Reclaim;

// Stops a timer when the context that this library was loaded into begins to be unloaded. A timer that is armed is held
// by the runtime, and so would hold the context until it has come to rest: a minute, and more. What runs in the context
// after that has its memory given back by Trim alone.
internal static class UnloadCallback
{
    public static void Attach(DecayTimer timer)
    {
        if (AssemblyLoadContext.GetLoadContext(typeof(UnloadCallback).Assembly) is { IsCollectible: true } context)
        {
            // The context holds the timer by this, and the timer does not hold the context.
            context.Unloading += _ => timer.Stop();
        }
    }
}
